"""Put the buffers of many selectors side by side, without training a continual policy
on them."""
