"""Why findings of the paper may hold here or not: written by hand, after the study had run."""

CAUSES = {
    "alike": "The line between mild and severe was drawn at 12 dB, and they part from 15 dB on, the deterministic network first. So do the paper's own "
    "(0.58 to 0.68 under speckle of 14 dB).",
    "noise": "Half of it holds: under noise on the whole image SUPER-Net is better than the deterministic network and MC dropout, by 0.02 to 0.09 where "
    "the paper has 0.2 to 0.4. Five trained networks are better still, everywhere, and under noise on one structure alone SUPER-Net is the worse one. Our "
    "deterministic network stands noise far better than the paper's (instance norm, random gain and offset in training), which leaves less to gain.",
    "attacks": "All are attacked by one loss here. The paper attacks SUPER-Net by its own, whose gradient its variance divides: an attack that is weak "
    "looks like a model that is robust. An ensemble resists most, since one image has to fool five networks.",
    "direction": "On one structure it holds for every family. On the whole image it depends on the noise: Poisson and speckle noise, which grow with "
    "the signal, make all find too much (Os of 0.26 to 0.39), Gaussian noise hides the anterior part. The paper shows it on lungs, large and dark.",
    "monotone": "It rises for every family. Uncertainty is the mean in a band round the boundary here, the paper's is of the whole image, where sure "
    "background outweighs what happens at the hippocampus.",
    "wrong": "Errors lie at boundaries, where every family is unsure.",
    "fading": "MC dropout draws at the bottleneck alone, whatever the image, so that its variance grows least. The ensemble's grows most: its members were "
    "never taught to agree on such images.",
    "removal": "The threshold is frozen on clean images, and voxels near the boundary alone are judged; the paper states no threshold. MC dropout gains least "
    "of these three. Under targeted attacks it gains nothing for any family: what was turned over is no less sure than the rest.",
    "cost": "Two convolutions and a norm of two moments, for one of each.",
}
