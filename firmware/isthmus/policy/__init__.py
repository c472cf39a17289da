"""Pure functions from configuration to what the kernel should hold: derived identifiers, MTU, guard text, desired state."""
