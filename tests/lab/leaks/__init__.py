"""The judge of "never in the clear": canaries from a forced host, an oracle on the Internet, one row for each leak."""
