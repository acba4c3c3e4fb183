"""Looks: draft."""

N_MATERIAL = 15
