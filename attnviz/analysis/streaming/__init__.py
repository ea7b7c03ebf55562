"""What can be said of attention without ever having its squares: observers of a capture's blocks."""
