import os
import sys

print(f"hello {os.environ['REMOTE_ADDR']}, say something", flush=True)
for line in sys.stdin:
    print(line.upper(), end="", flush=True)
