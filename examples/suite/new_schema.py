#!/usr/bin/env python3
"""Release 1.3: the tool takes the customer's language as well."""
import support

support.TOOLS[0]["function"]["parameters"]["properties"]["language"] = {"type": "string", "enum": ["en", "de"]}

if __name__ == "__main__":
    support.main()
