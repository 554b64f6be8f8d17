"""Pages of K/V shared by the ranks of a job: each lies in the memory of one, and all may hold and read it.

`directory` is what a rank uses; `shared_pages` says who owns and who holds which page, without any communication;
`rounds` is how the ranks come to say the same, and find out that one has died; `local` has ranks on one machine.
"""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "DirectoryError": ".rounds",
        "DirectoryStats": ".directory",
        "DistributedPageDirectory": ".directory",
        "Get": ".operations",
        "LocalRanks": ".local",
        "Migrate": ".operations",
        "Put": ".operations",
        "Read": ".operations",
        "Release": ".operations",
        "SharedPages": ".shared_pages",
        "Write": ".operations",
    },
)
