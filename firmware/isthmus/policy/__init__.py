"""Pure functions from configuration to what the kernel should hold: identifiers, MTU, guard text, desired state."""
