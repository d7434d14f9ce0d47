#!/usr/bin/env python3
"""Release 1.5: asks a cheaper model."""
import support

support.MODEL = "toy-2"

if __name__ == "__main__":
    support.main()
