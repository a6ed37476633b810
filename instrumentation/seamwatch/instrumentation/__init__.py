"""Instrumentors of the seams, one package each; they come with the seams themselves."""
