"""Matrix games on pairs and societies: dynamics, PettingZoo environment, pictures."""
