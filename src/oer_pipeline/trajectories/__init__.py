"""The transition table: arrays, Parquet files, rules, qualities, data cards; and the
replay buffer cut from it."""
