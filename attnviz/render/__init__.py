"""Record and numbers -> an artefact: a renderable, a figure, a text. Runs no model, prints nothing."""
