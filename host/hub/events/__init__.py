"""Events that last: what devices sent and what the hub notified, as AMQP messages in partitions, on disk."""
