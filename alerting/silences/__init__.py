"""Silences: for a while, alerts with certain labels are nobody's business."""
