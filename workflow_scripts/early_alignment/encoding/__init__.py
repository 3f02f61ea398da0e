"""How well a block's geometry predicts the responses of single units: encoding models, as kernel ridge regression."""
