"""For plugin authors: a fake hypervisor, and the contract that every hypervisor plugin keeps.

`vmf.testing.fake` is a hypervisor plugin whose machines are small processes that live in a folder.
`vmf.testing.contract` is a pytest class: subclass it, say how to reach a host and which image boots there, and each
promise of `vmf.hookspecs` is tried on your plugin. The engine imports nothing from here.
"""
