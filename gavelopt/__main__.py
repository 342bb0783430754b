"""python -m gavelopt: the same as the script gavelopt."""

from gavelopt.cli import main

if __name__ == "__main__":
    main()
