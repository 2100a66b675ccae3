"""Random labs for Hypothesis, right and wrong ones alike: who reaches whom in them is to be foretold.

Up to six networks, five routers and eight endpoints, with cables, static routes, NAT and published ports, routes that
are missing, and gateways that are not what they should be. Guests are never started: the test plugs namespaces in.
"""

from __future__ import annotations

from hypothesis import strategies as st

from gen import driver
from gen.diagnostics import Diagnostics
from gen.source import Source

HEADER = "lab random\nhost { nic ens33 { address 192.168.0.162/16  gateway 192.168.0.1 } }\n"
SUBNETS = (*(f"10.{number}.0.0/24" for number in range(6)), "10.9.0.0/16", "192.168.0.0/16", "10.0.0.0/8")
PUBLISHED_PORT = 2222


@st.composite
def topologies(draw: st.DrawFn) -> str:
    """The text of a lab that the compiler accepts."""
    return draw(_drafts().filter(_accepted))


@st.composite
def _drafts(draw: st.DrawFn) -> str:
    # One source of chance: a draw for each word would be slow, and shrinks no better.
    chance = draw(st.randoms(use_true_random=False))

    def maybe(percent: int) -> bool:
        return chance.random() * 100 < percent

    out = [HEADER]
    networks = chance.randint(1, 6)
    nodes = chance.randint(0, 5)
    endpoints = chance.randint(2, 8)
    bridged = chance.randrange(networks) if maybe(40) else None
    kinds = ["bridged" if n == bridged else chance.choice(("isolated", "routed", "nat")) for n in range(networks)]
    hosted = [kind in ("routed", "nat") or (kind == "isolated" and maybe(60)) for kind in kinds]

    def address(network: int, last: int) -> str:
        return f"192.168.7.{last}" if kinds[network] == "bridged" else f"10.{network}.0.{last}"

    def cidr(network: int, last: int) -> str:
        return f"{address(network, last)}/{16 if kinds[network] == 'bridged' else 24}"

    # Who is on which network.
    legs = [chance.sample(range(networks), min(networks, chance.choice((1, 2, 2, 2, 3)))) for _ in range(nodes)]
    places = [chance.randrange(networks) for _ in range(endpoints)]
    is_vm = [maybe(60) for _ in range(endpoints)]

    def neighbours(network: int, but: str) -> list[str]:
        """Whom one on the network may take for a gateway: all who are there, and now and then nobody."""
        near = [address(network, 10 + node) for node in range(nodes) if network in legs[node] and but != f"r{node}"]
        if hosted[network]:
            near += [address(network, 254)] * 2
        if kinds[network] == "bridged":
            near += ["192.168.0.1", "192.168.0.162"]
        near += [address(network, 50 + e) for e in range(endpoints) if places[e] == network and maybe(15)]
        return near + ([address(network, 99)] if maybe(10) or not near else [])

    for n, kind in enumerate(kinds):
        words = [f"address {cidr(n, 254)}"] if hosted[n] else []
        if kind == "bridged":
            words.append("uplink ens33")
        if kind == "nat":
            words.append("via ens33" if bridged is None else f"via n{bridged}")
            inside = [e for e in range(endpoints) if places[e] == n and is_vm[e]]
            if inside and maybe(60):
                words.append(f"publish tcp 192.168.0.162:{PUBLISHED_PORT + n} to e{chance.choice(inside)}:80")
            if inside and maybe(30):
                words.append(f"publish 192.168.8.{n + 1} to e{chance.choice(inside)}")
        out.append(f"network n{n} {kind} {{ {'; '.join(words)} }}\n")
    if networks > 1 and maybe(15):
        left, right = chance.sample(range(networks), 2)
        out.append(f"link n{left} - n{right}\n")
    cables: list[tuple[int, int]] = []
    for _ in range(chance.randint(0, 3) if nodes > 1 else 0):
        left, right = chance.sample(range(nodes), 2)
        cables.append((left, right))
        names = [f"r{node}.c{len(cables)} 10.9.{len(cables)}.{end}/30" for end, node in enumerate((left, right), 1)]
        out.append(f"link {names[0]} - {names[1]}\n")
    for node in range(nodes):
        words = [f"nic x{n} on n{n} {{ address {cidr(n, 10 + node)} }}" for n in legs[node]]
        if maybe(20):
            words.append(f"loopback 10.8.0.{node + 1}/32")
        ways = [gateway for n in legs[node] for gateway in neighbours(n, f"r{node}")]
        for number, ends in enumerate(cables, 1):
            if node in ends:
                ways += [f"10.9.{number}.{2 if ends[0] == node else 1}"] * 2
        if ways and maybe(75):
            words.append(f"route default via {chance.choice(ways)}")
        for subnet in chance.sample(SUBNETS[: networks + 3], chance.choice((0, 0, 1, 1, 2, 3))):
            if ways:
                what = "discard" if maybe(10) else f"via {chance.choice(ways)}"
                words.append(f"route {subnet} {what}")
        if ways and maybe(10):
            words.append(f"route 10.{chance.randrange(networks)}.0.{50 + chance.randrange(endpoints)}/32 discard")
        is_router = maybe(85)
        if is_router and len(legs[node]) > 1:
            inner, outer = chance.sample(legs[node], 2)
            if maybe(40):
                words.append(f"nat {'all' if maybe(50) else f'10.{inner}.0.0/24'} via x{outer}")
            inside = [e for e in range(endpoints) if places[e] == inner]
            if inside and maybe(50):
                own = address(outer, 10 + node)
                words.append(f"publish tcp {own}:{PUBLISHED_PORT + 10 + node} to e{chance.choice(inside)}:80")
            if inside and maybe(25):
                words.append(f"publish {address(outer, 110 + node)} to e{chance.choice(inside)}")
        out.append(f"{'router' if is_router else 'namespace'} r{node} {{ {'; '.join(words)} }}\n")
    for e, n in enumerate(places):
        gateways = neighbours(n, f"e{e}")
        gateway = chance.choice(gateways) if maybe(85) else None
        if gateway == address(n, 50 + e):
            gateway = None
        if is_vm[e]:
            more = f"  gateway {gateway}" if gateway else ""
            out.append(
                f"vm e{e} {{ memory 16M; autostart off; nic t{e} on n{n} {{ address {cidr(n, 50 + e)}{more} }} }}\n"
            )
        else:
            more = f"; route default via {gateway}" if gateway else ""
            out.append(f"namespace e{e} {{ nic eth0 on n{n} {{ address {cidr(n, 50 + e)} }}{more} }}\n")
    return "".join(out)


def _accepted(text: str) -> bool:
    try:
        driver.analyse(Source("random.dsl", text), Diagnostics())
    except driver.Stopped:
        return False
    return True
