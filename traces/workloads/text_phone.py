"""Questions about a phone and its settings, and the house rules of a phone company's assistant."""

from __future__ import annotations

from .text_domains import Domain, Family, axis

_ON_OFF = axis(
    "switch switching",
    ("[turn on|enable|switch on|activate]", "[turning on|enabling|switching on]"),
    ("[turn off|disable|switch off|deactivate]", "[turning off|disabling|switching off]"),
)

_FAMILIES = (
    Family(
        (
            "[how do I|how can I|how would I] {switch} {feature}[| on my phone| on this phone]?",
            "[what's the quickest way|what is the right way] to {switch} {feature}[| on my phone]?",
            "I [want|need|would like] to {switch} {feature}[. Where is the setting?|, how is that done?]",
            "I [need|want] [help with|instructions for] {switching} {feature}[| on a phone| on my phone].",
            "[can you tell me|could you explain|would you show me] how to {switch} {feature}[| on my phone]?",
        ),
        (
            _ON_OFF,
            axis(
                "feature",
                "dark mode",
                "[location sharing|sharing of my location]",
                "[airplane mode|flight mode]",
                "[automatic updates|auto-updates]",
                "[two-step verification|two-factor authentication]",
                "[data roaming|roaming]",
                "[the fingerprint lock|unlocking by fingerprint]",
                "[battery saver|the power-saving mode]",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I] {change} {level}[| on my phone]?",
            "{level} is too {wrong}[, how do I|. How can I|, what do I press to] {change_it}?",
            "[is there a way to|where can I] {change} {level}[| on my phone]?",
            "[I'd like to|I want to|I need to] {change} {level}[. What do I press?|, where do I do that?]",
        ),
        (
            axis(
                "change change_it wrong",
                ("[raise|increase|turn up]", "[raise it|turn it up]", "low"),
                ("[lower|reduce|turn down]", "[lower it|turn it down]", "high"),
            ),
            axis(
                "level",
                "the ringtone volume",
                "the alarm volume",
                "the screen brightness",
                "the volume of calls",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I|can you tell me how to] {act} [a phone number|a caller|somebody's number]?",
            "[I want to|I'd like to] {act} [a number|a caller][. What do I do?|, how does that work?]",
            "[someone keeps calling|I know the number]; how [do|can] I {act} [them|that caller]?",
            "[where|in which menu] can I {act} [a number|a caller|somebody]?",
        ),
        (axis("act", "block", "unblock"),),
    ),
    Family(
        (
            "[how do I|how can I] [move|transfer|copy] my {things} from [an|my] {old} to [an|my] {new}?",
            "[what's the best way|is there an easy way] to get my {things} from an {old} onto an {new}?",
            "I had an {old} and now have an {new}. How do I [bring my {things} over|move my {things}]?",
            "[moving|transferring] {things} from {old} to {new}: [what are the steps|where do I start]?",
        ),
        (
            axis("things", "contacts", "photos", "[messages|chat history]"),
            axis("old new", ("iPhone", "Android phone"), ("Android phone", "iPhone")),
        ),
    ),
    Family(
        (
            "[how do I|how can I] {act} [my phone|everything on my phone]?",
            "[I want to|I need to] {act} my phone[. Where do I start?|, what are the steps?|. How?]",
            "[what are the steps|what's the right way|is there an easy way] to {act} my phone?",
        ),
        (
            axis(
                "act",
                "[back up|make a backup of]",
                "[use a backup to restore|restore a backup of]",
                "[reset|wipe|erase]",
            ),
        ),
    ),
    Family(
        (
            "[why is|what could be the reason that] my phone {trouble}[| all of a sudden| lately]?",
            "my phone {trouble}[. What can I do?|, how do I fix it?|. How do I stop that?]",
            "[what can I do about|how do I deal with] a phone that {trouble}?",
            "since [yesterday|last week|the update] my phone {trouble}[, any ideas?|. What now?|.]",
        ),
        (
            axis(
                "trouble",
                "[gets very hot|becomes really hot]",
                "[loses its charge within hours|runs out of battery by noon]",
                "[charges very slowly|takes forever to charge]",
                "[keeps restarting|restarts by itself]",
                "[cannot find the Wi-Fi|does not see my Wi-Fi]",
                "[says that its storage is full|has no storage left]",
            ),
        ),
    ),
    Family(
        (
            "[how much does|what does] the {plan} plan [cost|come to][| a month| per month]?",
            "[what's|can you tell me] the [price|monthly price|monthly cost] of the {plan} plan?",
            "[I'm thinking about|I'm interested in] the {plan} plan. [How much is it|What would I pay]?",
            "[what would I pay|how much would you charge me] for the {plan} plan[| a month]?",
        ),
        (axis("plan", "5 GB", "15 GB", "50 GB", "unlimited data"),),
    ),
)

_RULES = (
    Family(
        ("The {plan} plan costs [9|12|15|19|25] a month and can be left with [7|14|30|60] days' notice.",),
        (axis("plan", "5 GB", "15 GB", "50 GB", "unlimited data", "family", "student", "prepaid", "business"),),
    ),
    Family(
        (
            "Calls to {zone} cost [0|5|10|19|29] cents a minute and text messages [0|5|9|15] cents each; "
            "data there is [included up to 5 GB|included up to 10 GB|charged at 2 a megabyte|not included].",
        ),
        (
            axis(
                "zone",
                "neighbouring countries",
                "North America",
                "South America",
                "Asia",
                "Africa",
                "Oceania",
            ),
        ),
    ),
    Family(
        (
            "When a customer reports that {case}, first [check for a local outage|ask for the model of the "
            "phone|ask them to restart the phone], then [offer a callback|open a ticket|suggest a visit to "
            "a shop].",
        ),
        (
            axis(
                "case",
                "calls drop after a few seconds",
                "messages arrive hours late",
                "the data connection is slow",
                "the SIM card is not recognised",
                "voicemail does not answer",
                "a phone was stolen",
                "a bill is higher than expected",
                "a number was not ported on the agreed day",
            ),
        ),
    ),
    Family(
        ("Repairs of {part} take [2|3|5|8] working days and carry a warranty of [3|6|12|24] months.",),
        (axis("part", "a cracked screen", "a worn battery", "a camera", "a loudspeaker", "a charging port"),),
    ),
)

DOMAIN = Domain(
    name="phone",
    families=_FAMILIES,
    companies=("Larkspur Mobile", "Northlight Telecom", "Pebble Networks", "Hilltop Wireless"),
    business="a mobile phone company",
    rules=_RULES,
    place="shop",
)
