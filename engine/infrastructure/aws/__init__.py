"""ECS behind an ALB and Lambda behind an alias. The only place that knows the SDK of AWS."""
