"""Questions about documents, spreadsheets and meetings, and the house rules of a help desk's assistant."""

from __future__ import annotations

from .text_domains import Domain, Family, axis

_FAMILIES = (
    Family(
        (
            "[how do I|how can I|what's the shortcut to] {act} in a spreadsheet?",
            "[I want|I need] to {act} in [my spreadsheet|a spreadsheet][. How?|, how is that done?]",
            "[in a spreadsheet|in my table], how [do I|can I|would you] {act}?",
            "[can you show me|would you explain|do you know] how to {act} in a spreadsheet?",
        ),
        (
            axis(
                "act",
                "[insert|add] a row",
                "[delete|remove] a row",
                "[insert|add] a column",
                "[delete|remove] a column",
                "[hide|conceal] a column",
                "[unhide a column|make a hidden column visible]",
                "[merge cells|join cells into one]",
                "[split a merged cell|unmerge cells]",
                "[freeze the top row|keep the top row in view]",
                "[unfreeze the top row|let the top row scroll again]",
                "[protect a sheet|lock a sheet]",
                "[remove the protection from a sheet|unlock a sheet]",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I|can you show me how to] sort [a table|a list|my data] by {column} {order}?",
            "[I want|I need] [a table|my list] sorted by {column}, {order}. [How|What do I click]?",
            "sort by {column}, {order}: [how does that work|where do I click|how do I do it]?",
        ),
        (
            axis("column", "date", "price", "name"),
            axis(
                "order",
                "[in ascending order|ascending]",
                "[in descending order|descending]",
            ),
        ),
    ),
    Family(
        (
            "[which|what] formula [gives me|computes|do I use for] the {result} of a column?",
            "[how do I|how can I] [get|compute|work out] the {result} of [a column|this column]?",
            "I need the {result} of a column in [my spreadsheet|a sheet]. [Which formula is that|How]?",
        ),
        (
            axis(
                "result",
                "[sum|total]",
                "[average|mean]",
                "median",
                "[maximum|largest value]",
                "[minimum|smallest value]",
                "standard deviation",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I] [convert|turn] {start} [to|into] {end}?",
            "[is there a free way|what's the easiest way] to [turn|make] {start} into {end}?",
            "I have {start} and need {end}[. How do I convert it?|, how do I get there?|. What do I do?]",
        ),
        (
            axis(
                "start end",
                ("a PDF", "a Word document"),
                ("a Word document", "a PDF"),
                ("a CSV file", "a spreadsheet"),
                ("a spreadsheet", "a CSV file"),
                ("a presentation", "a PDF"),
                ("a PDF", "a presentation"),
                ("a PDF", "a set of images"),
                ("a set of images", "a PDF"),
            ),
        ),
    ),
    Family(
        (
            "[write|draft|help me write] [a short|a polite|a friendly] email to my {person}, {purpose}.",
            "[how do I word|can you draft] an email to my {person}, {purpose}?",
            "[I have to|I need to] email my {person}, {purpose}. [Can you help|What do I write]?",
        ),
        (
            axis("person", "manager", "customer", "landlord"),
            axis(
                "purpose",
                "accepting [an invitation|a meeting]",
                "declining [an invitation|a meeting]",
                "asking for more time",
                "complaining about [a delay|being made to wait]",
                "saying thank you",
            ),
        ),
    ),
    Family(
        (
            "[how do I|how can I|can you help me] {act} a {meeting} meeting?",
            "[I want|I'd like|I need] to {act} a {meeting} meeting[. Where do I click?|, how?]",
            "[what's the easiest way|is there a quick way] to {act} a {meeting} meeting[| in my calendar]?",
        ),
        (
            axis("act", "[schedule|set up|arrange]", "[cancel|call off]", "[postpone|move back]", "record"),
            axis("meeting", "[video|online]", "[weekly|recurring]"),
        ),
    ),
    Family(
        (
            "why does [the|our|my] printer {fault}?",
            "[the|our|my] printer {faults}[. What can I do?|, how do I fix it?|. Any ideas?|, help!]",
            "[what do I do|is there a fix] if the printer {faults}?",
        ),
        (
            axis(
                "fault faults",
                ("print blank pages", "[prints|only prints] blank pages"),
                ("keep jamming", "[keeps jamming|jams all the time]"),
                ("print in black and white only", "[prints in black and white only|won't print in colour]"),
                ("not show up on my computer", "[doesn't show up on|can't be found by] my computer"),
            ),
        ),
    ),
)

_RULES = (
    Family(
        (
            "Requests to {act} are answered within [two|four|eight|24] hours and need the approval of "
            "[the line manager|the data owner|nobody|the security desk].",
        ),
        (
            axis(
                "act",
                "install a program",
                "reset a password",
                "share a folder outside the company",
                "restore a deleted file",
                "borrow a laptop",
                "open a new mailbox",
                "book the large meeting room",
                "order a second screen",
                "print in colour",
            ),
        ),
    ),
    Family(
        (
            "When somebody cannot {act}, ask [for the exact error|when it last worked|which device they "
            "use], and suggest [signing out and in|another browser|the newest version|a restart] before "
            "opening a ticket.",
        ),
        (
            axis(
                "act",
                "open a shared document",
                "join a video meeting",
                "print from a laptop",
                "see the team calendar",
                "send a large attachment",
                "edit a protected sheet",
                "connect from home",
            ),
        ),
    ),
    Family(
        (
            "{kind} are kept for [two|three|five|seven|ten] years, then [deleted|archived|reviewed], and "
            "[must never be|may only with consent be|are always] sent by email.",
        ),
        (
            axis(
                "kind",
                "Invoices",
                "Contracts",
                "Minutes of meetings",
                "Job applications",
                "Travel claims",
                "Drafts",
            ),
        ),
    ),
)

DOMAIN = Domain(
    name="office",
    families=_FAMILIES,
    companies=("Paperwing", "Tidewater Systems", "Gable and Finch", "Lodestar Office"),
    business="the internal help desk of a firm of consultants",
    rules=_RULES,
    place="office",
)
