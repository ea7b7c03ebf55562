"""What the number of heads buys: networks that differ in nothing else, held against each other."""
