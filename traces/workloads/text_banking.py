"""Questions about accounts, cards and payments, and the house rules of a bank's assistant."""

from __future__ import annotations

from .text_domains import Domain, Family, axis

_FAMILIES = (
    Family(
        (
            "[how do I|how can I|what do I need to] {act} a {account}?",
            "[I want|I'd like] to {act} a {account}[. What are the steps?|, what do I have to do?]",
            "[can you tell me|would you explain|do you know] how to {act} a {account}?",
            "[what are the steps|what's the procedure|where do I start if I want] to {act} a {account}?",
        ),
        (
            axis("act", "[open|set up]", "[close|shut down]"),
            axis(
                "account",
                "[current account|checking account]",
                "savings account",
                "[joint account|shared account]",
                "business account",
                "[student account|student's account]",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I|where can I] {act} the {limit}[| on my card]?",
            "[please|I'm writing to ask you to] {act} the {limit} on my card[|, if that's possible].",
            "[I want|I'd like] to {act} the {limit}[. Is that possible in the app?|, how does it work?]",
            "the {limit} is too {wrong} for me[. Can I|, how do I] {act} it?",
        ),
        (
            axis("act wrong", ("[raise|increase]", "low"), ("[lower|reduce|decrease]", "high")),
            axis(
                "limit",
                "[daily spending limit|limit on daily spending]",
                "[cash withdrawal limit|ATM limit]",
                "[contactless limit|limit for contactless payments]",
                "[online payment limit|limit for online payments]",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I] {act} my [card|debit card|bank card]?",
            "[please|I need you to|I'm asking you to] {act} my [card|debit card][| right away| for me].",
            "[where in the app do I|what do I tap to] {act} my card?",
            "{why}[ and want to {act} the card.|, so I'd like to {act} the card.|. How do I {act} the card?]",
        ),
        (
            axis(
                "act why",
                ("[freeze|block|lock]", "I [can't find my card|may have lost my card]"),
                ("[unfreeze|unblock|unlock]", "I [found my card again|have my card back]"),
                ("[replace|reorder|get a new copy of]", "my card is [broken|bent|worn out]"),
                ("[activate|start using]", "my [new|first] card [has just arrived|came by post today]"),
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I] [move|transfer] {amount} from my {source} to my {target}?",
            "[please|I'd like to|I want to] [move|transfer] {amount} from my {source} to my {target}.",
            "I want {amount} [moved|transferred] from my {source} to my {target}[.|, please.|. How?]",
            "[can you|could you] [move|transfer|send] {amount} from {source} to {target}[|, please]?",
        ),
        (
            axis(
                "source target",
                ("savings account", "current account"),
                ("current account", "savings account"),
            ),
            axis("amount", "100 euros", "250 euros", "1,000 euros"),
        ),
    ),
    Family(
        (
            "[how many|what amount of] {to} do I get for {amount} {start}[| today| right now]?",
            "[convert|change] {amount} {start} [to|into] {to}[|, please].",
            "[what is|what's] {amount} {start} in {to}[| at today's rate]?",
            "[I'm changing|I want to change] {amount} {start}. How many {to} is that?",
        ),
        (
            axis(
                "start to",
                ("euros", "dollars"),
                ("dollars", "euros"),
                ("pounds", "euros"),
                ("euros", "pounds"),
                ("yen", "dollars"),
                ("dollars", "yen"),
            ),
            axis("amount", "50", "500"),
        ),
    ),
    Family(
        (
            "[how do I|how can I|where do I] {act} a {order}?",
            "[I'd like to|I want to|help me] {act} a {order} [for my rent|for a bill|to my landlord].",
            "[can you tell me|could you explain|would you show me] how to {act} a {order}?",
        ),
        (
            axis("act", "[set up|create]", "[cancel|stop]", "[change the amount of|edit the amount of]"),
            axis("order", "standing order", "direct debit"),
        ),
    ),
    Family(
        (
            "[which documents|what papers] do [I|you] need to {act} a {account}?",
            "[what do I have to bring|which papers should I bring] to {act} a {account}?",
            "I'm coming in to {act} a {account}. [What should I bring|Which documents do you need]?",
        ),
        (
            axis("act", "[open|set up]", "[close|shut down]"),
            axis("account", "savings account", "[joint account|shared account]", "business account"),
        ),
    ),
    Family(
        (
            "[is there a fee for|do I pay anything for|what does it cost to use] {service}?",
            "[how much do you charge|what are the charges] for {service}?",
            "[I was charged|I have just paid a fee] for {service}[. Is that right?|, why?|. Why is that?]",
        ),
        (
            axis(
                "service",
                "[cash machines abroad|ATMs in other countries]",
                "[an overdraft|going overdrawn]",
                "[international transfers|transfers to another country]",
                "[a paper statement|printed statements]",
                "[instant payments|instant transfers]",
                "[a replacement card|a second card]",
            ),
        ),
    ),
    Family(
        (
            "[where can I find|how do I download|can you send me] my statement for {month}[|, please]?",
            "I need [the|my] {month} statement[ as a PDF.|, where is it?|. Where do I find it?]",
            "[my accountant|my landlord|the tax office] asks for my {month} statement. How do I get it?",
        ),
        (axis("month", "January", "February", "June", "July", "November", "December"),),
    ),
)

_RULES = (
    Family(
        ("A {account} costs [nothing|2|4|6|9] a month and pays [no interest|0.5 percent|1.2 percent].",),
        (
            axis(
                "account",
                "current account",
                "savings account",
                "joint account",
                "student account",
                "gold account",
            ),
        ),
    ),
    Family(
        (
            "A customer may {act} [in the app|by telephone|in writing|at any branch] and must first confirm "
            "[their date of birth|the last payment made|the answer to their security question].",
        ),
        (
            axis(
                "act",
                "raise a card limit",
                "close an account",
                "change their address",
                "stop a standing order",
                "report a stolen card",
                "dispute a payment",
                "add a second account holder",
                "ask for a mortgage statement",
            ),
        ),
    ),
    Family(
        (
            "Transfers to {region} arrive within [two|three|four|five] working days and cost "
            "[nothing|3 euros|7 euros|12 euros], or [0.2|0.5|1] percent above 5,000 euros.",
        ),
        (
            axis(
                "region",
                "the euro area",
                "the United Kingdom",
                "North America",
                "South America",
                "Asia",
                "Africa",
            ),
        ),
    ),
    Family(
        (
            "If a payment by {means} has failed, ask for [the date and the amount|the name of the shop] and "
            "[check the card limit|check for a freeze on the card|open a case] before anything else.",
        ),
        (axis("means", "card", "telephone", "direct debit", "standing order", "cheque", "instant transfer"),),
    ),
)

DOMAIN = Domain(
    name="banking",
    families=_FAMILIES,
    companies=("Alder Bank", "Quayside Savings", "Fennimore Trust", "Copperfield Credit Union"),
    business="a bank for private customers",
    rules=_RULES,
    place="branch",
)
