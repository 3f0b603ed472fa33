"""ONNX graphs explained: every node that is wrong, and where a graph is cut for a target."""
