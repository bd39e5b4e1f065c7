"""An engine over a store that instances share."""
