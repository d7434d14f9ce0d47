#!/usr/bin/env python3
"""Release 1.2: the prompt of the reply is worded anew."""
import support

support.REPLY = "Reply to the customer in two friendly sentences. Promise nothing that the order does not say."

if __name__ == "__main__":
    support.main()
