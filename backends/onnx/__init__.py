"""Embedders and rerankers in the ONNX format."""
