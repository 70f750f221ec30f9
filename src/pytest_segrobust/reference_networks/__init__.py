"""Small U-Nets of every Bayesian family, for examples and for tests of the tool.

Deterministic, with dropout at the bottleneck, as an ensemble (several seeds), with moment propagation (SUPER-Net), with
mean-field weights (Bayes by backprop) and with a Gaussian over the weights of the end of training (SWAG); 2-D and 3-D.
They are subjects of verification and no part of it: nothing else of the package imports this room.
"""
