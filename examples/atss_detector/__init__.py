"""A small one-stage detector written as such code was written in 2020: it trains, and does not export."""
