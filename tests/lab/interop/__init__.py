"""Isthmus against other people's IKE programs, on the lab's kernel and topology."""
