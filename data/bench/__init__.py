"""How fast images come in: decoded, from the cache, beside MONAI's; and large manifests.

Each module is imported where it is needed: MONAI takes seconds to import.
"""
