"""The commands of `inion`, one module each: parse, load, call, write, exit status."""
