"""What deploys the system: the builder of layers, the local stack, regions, workflows."""
