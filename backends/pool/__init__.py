"""The model pool: admission, routing, failover and health of replicas."""
