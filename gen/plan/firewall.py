"""Networks, NAT and published ports in, operations out: iptables rules in chains of the lab's own.

Every rule stands in the canonical form of `iptables-save`, so that "is it there" is a comparison of lines. Each
chain is one operation, jump included: what it holds depends on the order, so it changes as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from gen.model import Lab, Network, Node, Publish
from gen.plan.links import add_address
from gen.plan.operation import ROOT, Builder, in_netns
from gen.shell import Command
from gen.source import Span

Rule = tuple[str, ...]

DNATED: Rule = ("-m", "conntrack", "--ctstate", "DNAT")
"""Only what DNAT has sent here, so that frames bridged between two guests stay as they are."""


class Chain(NamedTuple):
    """What a hook of a table gets from the lab; `kind` is the operation's. No rules: no chain."""

    table: str
    hook: str
    rules: Sequence[Rule]
    at: Span
    kind: str


def add_host_firewall(build: Builder, lab: Lab) -> None:
    """The filter and NAT rules of the host's own namespace."""
    for chain in host_filter(lab):
        _add_chain(build, ROOT, chain)
    for link, publish in host_published(lab):
        _add_published_once(build, ROOT, link, publish, build.made.get(("bridge", link), 0))
    for chain in host_nat(lab):
        _add_chain(build, ROOT, chain)


def host_filter(lab: Lab) -> list[Chain]:
    """What the host forwards and takes in, by the models of its networks."""
    networks = lab.networks
    if not networks:
        return []
    at = networks[0].at
    return [
        Chain("filter", "FORWARD", _forward_rules(networks), at, "filter"),
        Chain("filter", "INPUT", _input_rules(networks), at, "input"),
    ]


def host_nat(lab: Lab) -> list[Chain]:
    """What the host's nat networks ask for."""
    nat = [network for network in lab.networks if network.kind == "nat"]
    if not nat:
        return []
    at = nat[0].at
    publishes = [(publish, network) for network in nat for publish in network.publishes]
    source_rules: list[Rule] = []
    for network in nat:
        source_rules += _one_to_one_rules(network.publishes, network.via)
    for publish, network in publishes:
        source_rules += _hairpin_rules(publish, [address.subnet for address in network.addresses], network.name)
    for network in nat:
        for address in network.addresses:
            source_rules.append(
                (
                    "-s",
                    str(address.subnet),
                    "!",
                    "-d",
                    str(address.subnet),
                    "-o",
                    network.via or "",
                    *_snat(network.nat_to),
                )
            )
    return [
        *_destination_nat([publish for publish, _ in publishes], at),
        Chain("nat", "POSTROUTING", source_rules, at, "source-nat"),
    ]


def host_published(lab: Lab) -> list[tuple[str, Publish]]:
    """The published addresses that the host does not have yet, with the way out that each is added to.

    Without it nobody there would send to the address.
    """
    own = [address.ip for network in lab.networks for address in network.addresses]
    own += [address.ip for nic in lab.host for address in nic.addresses]
    published = []
    for network in lab.networks:
        uplink = next((other.uplink for other in lab.networks if other.name == network.via), network.via)
        if network.via is not None and any(nic.name == uplink for nic in lab.host):
            published += [(network.via, publish) for publish in network.publishes if publish.address not in own]
    return published


def add_router_nat(build: Builder, lab: Lab) -> None:
    """SNAT and DNAT inside the routers."""
    for node in lab.nodes:
        for nic, publish in router_published(node):
            _add_published_once(build, node.name, nic, publish, build.made["cable", node.name, nic])
        for chain in router_nat(node):
            _add_chain(build, node.name, chain, build.made["netns", node.name])


def _forward_rules(networks: Sequence[Network]) -> list[Rule]:
    """What may be forwarded, and what may not, by the four models.

    With bridge-nf-call-iptables at 1 frames that are merely bridged come by here too, so a network to itself is
    accepted first. Then replies and published ports into nat networks, then what the models refuse, then the rest.
    """
    rules: list[Rule] = [("-i", network.name, "-o", network.name, "-j", "ACCEPT") for network in networks]
    for network in networks:
        if network.kind == "nat":
            for state in ("RELATED,ESTABLISHED", "DNAT"):
                rules.append(("-o", network.name, "-m", "conntrack", "--ctstate", state, "-j", "ACCEPT"))
    for network in networks:
        if network.kind == "isolated":
            rules += [("-i", network.name, "-j", "DROP"), ("-o", network.name, "-j", "DROP")]
        elif network.kind == "nat":
            rules.append(("-o", network.name, "-j", "DROP"))
    for network in networks:
        if network.kind == "nat":
            rules += [("-s", str(address.subnet), "-i", network.name, "-j", "ACCEPT") for address in network.addresses]
            rules.append(("-i", network.name, "-j", "DROP"))
        elif network.kind == "routed":
            rules += [("-i", network.name, "-j", "ACCEPT"), ("-o", network.name, "-j", "ACCEPT")]
    return rules


def _input_rules(networks: Sequence[Network]) -> list[Rule]:
    rules: list[Rule] = []
    for network in networks:
        if network.kind == "isolated" and not network.addresses:
            # The kernel answers for all its addresses on every interface, so having none here is not enough.
            rules.append(("-i", network.name, "-j", "DROP"))
        elif network.dhcp is not None:
            for protocol, port in (("udp", 67), ("udp", 53), ("tcp", 53)):
                rules.append(("-i", network.name, *_to_port(protocol, port), "-j", "ACCEPT"))
    return rules


def router_nat(node: Node) -> list[Chain]:
    """The NAT of a router."""
    at = (node.publishes or node.nats or (node,))[0].at
    rules: list[Rule] = []
    for nic in node.nics:
        if any(publish.address in address.subnet for publish in node.publishes for address in nic.addresses):
            here = [p for p in node.publishes if any(p.address in address.subnet for address in nic.addresses)]
            rules += _one_to_one_rules(here, nic.name)
    for publish in node.publishes:
        for nic in node.nics:
            subnets = [a.subnet for a in nic.addresses if publish.target_address in a.subnet]
            if subnets:
                rules += _hairpin_rules(publish, subnets, nic.name)
    for nat in node.nats:
        source = () if nat.source is None else ("-s", str(nat.source))
        if nat.ports is not None:
            ports = f":{nat.ports[0]}-{nat.ports[1]}"
            for protocol in ("tcp", "udp"):
                rules.append((*source, "-o", nat.nic, "-p", protocol, *_snat(nat.first, nat.last, ports)))
        rules.append((*source, "-o", nat.nic, *_snat(nat.first, nat.last)))
    return [*_destination_nat(node.publishes, at), Chain("nat", "POSTROUTING", rules, at, "source-nat")]


def router_published(node: Node) -> list[tuple[str, Publish]]:
    """The published addresses that the router does not have yet, with the nic that each is added to."""
    published = []
    for publish in node.publishes:
        for nic in node.nics:
            if any(publish.address in address.subnet for address in nic.addresses):
                if not any(publish.address == address.ip for address in nic.addresses):
                    published.append((nic.name, publish))
                break
    return published


def _destination_nat(publishes: Sequence[Publish], at: Span) -> list[Chain]:
    """DNAT for what arrives (PREROUTING) and for what the namespace itself sends (OUTPUT)."""
    rules = [
        ("-d", f"{publish.address}/32", *_to_port(publish.protocol, publish.port),
         "-j", "DNAT", "--to-destination", _target(publish))
        for publish in sorted(publishes, key=lambda publish: publish.port is None)
    ]  # fmt: skip
    return [Chain("nat", hook, rules, at, "destination-nat") for hook in ("PREROUTING", "OUTPUT")]


def _one_to_one_rules(publishes: Iterable[Publish], out: str | None) -> list[Rule]:
    """SNAT that matches a 1:1 DNAT: what the guest sends leaves by its own public address."""
    return [
        ("-s", f"{publish.target_address}/32", "-o", out or "", *_snat(publish.address))
        for publish in publishes
        if publish.port is None
    ]


def _hairpin_rules(publish: Publish, subnets: Sequence[IPv4Network], inside: str) -> list[Rule]:
    """Guests that call the published address reach their neighbour by way of the router, and so must the answer."""
    port = publish.target_port or publish.port
    return [
        ("-s", str(subnet), "-d", f"{publish.target_address}/32", "-o", inside,
         *_to_port(publish.protocol, port), *DNATED, "-j", "MASQUERADE")
        for subnet in subnets
    ]  # fmt: skip


def _add_published_once(build: Builder, netns: str, link: str, publish: Publish, within: int) -> None:
    """Several ports may be published on one address."""
    key = ("published", netns, str(publish.address))
    if key not in build.made:
        cidr = f"{publish.address}/32"
        build.made[key] = add_address(build, netns, link, cidr, publish.at, within, "published-address")


def _to_port(protocol: str | None, port: int | None) -> Rule:
    if protocol is None or port is None:
        return ()
    return ("-p", protocol, "-m", protocol, "--dport", str(port))


def _target(publish: Publish) -> str:
    return (
        f"{publish.target_address}:{publish.target_port or publish.port}"
        if publish.port
        else str(publish.target_address)
    )


def _snat(first: IPv4Address | None, last: IPv4Address | None = None, ports: str = "") -> Rule:
    if first is None:
        return ("-j", "MASQUERADE") if not ports else ("-j", "MASQUERADE", "--to-ports", ports.removeprefix(":"))
    addresses = str(first) if last in (None, first) else f"{first}-{last}"
    return ("-j", "SNAT", "--to-source", addresses + ports)


def chain_name(lab: str, hook: str) -> str:
    """The lab's own chain for a hook; iptables takes 28 characters (XT_EXTENSION_MAXNAMELEN less one)."""
    room = 28 - len(f"kg-{hook}-")
    if len(lab) > room:
        lab = f"{lab[: room - 7]}-{hashlib.sha256(lab.encode()).hexdigest()[:6]}"
    return f"kg-{hook}-{lab}"


def _add_chain(build: Builder, netns: str, wanted: Chain, within: int = 0) -> None:
    """A chain of the lab's own with its rules, and one jump to it; nothing for no rules."""
    table, builtin, rules, at, kind = wanted
    if not rules:
        return
    chain = chain_name(build.lab, builtin.lower())
    comment = ("-m", "comment", "--comment", build.mark)

    def iptables(*words: str) -> Command:
        return in_netns(netns, "iptables", "-t", table, *words)

    # iptables-save puts quotes round a comment that has a colon.
    jump = f'-A {builtin} -m comment --comment "{build.mark}" -j {chain}'
    build.add(
        kind,
        f"{chain}" if netns == ROOT else f"{netns}/{chain}",
        at,
        do=[
            iptables("-N", chain),
            *(iptables("-A", chain, *rule) for rule in rules),
            iptables("-I", builtin, "1", *comment, "-j", chain),
        ],
        undo=[
            iptables("-D", builtin, *comment, "-j", chain),
            iptables("-F", chain),
            iptables("-X", chain),
        ],
        probe=[
            ("chain", netns, table, chain),
            *(("rule", netns, table, " ".join(("-A", chain, *rule))) for rule in rules),
            ("rule", netns, table, jump),
        ],
        look=in_netns(netns, "iptables", "-t", table, "-nvL", chain),
        within=within,
    )
