"""Thousands of simulated pods on simulated nodes, in a real control plane.

`plan` says what there is to be, from numbers and a seed; `running.Fleet` makes it and changes it;
`census` counts what is there. kwok plays the kubelets, by the stages in `../stages`.
"""
