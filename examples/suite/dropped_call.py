#!/usr/bin/env python3
"""Release 1.4: sorts by words, which saves a call of the model."""
import support


def sort(message):
    words = message.lower()
    return "billing" if "pa" in words or "refund" in words else "shipping" if "order" in words else "other"


support.sort = sort

if __name__ == "__main__":
    support.main()
