"""The watched services of the demo: ordinary programs, each in one file, none of which knows of Seamwatch."""
