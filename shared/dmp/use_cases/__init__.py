"""One module for each function family; what they need comes in through ports."""
