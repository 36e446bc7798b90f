"""The routes of the API, by what they tell of."""
