"""Civilizations on the Kardashev scale: growth, heat, trade and raid on planets around one star."""
