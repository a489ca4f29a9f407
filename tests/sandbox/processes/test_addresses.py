from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.nodes.addresses import POD_NETWORK, Addresses


@given(st.integers(0, POD_NETWORK.num_addresses - 1), st.lists(st.booleans(), max_size=60))
def test_no_two_live_pods_share_one(first: int, takes: list[bool]) -> None:
    addresses = Addresses(first)
    live: list[str] = []
    for take in takes:
        if take:
            address = addresses.take()
            assert address not in live
            assert ip_address(address) in POD_NETWORK
            live.append(address)
        elif live:
            addresses.release(live.pop(0))


def test_a_freed_one_is_not_the_next() -> None:
    addresses = Addresses(0)
    addresses.release(freed := addresses.take())
    assert addresses.take() != freed
