"""Static assets: the files of a directory as answers to requests.

What a request is answered with is decided by pure functions (`paths`, `html`, `redirects`, `header_rules`, `routing`,
`answers`); `directory` reads files, `site` puts both together, `binding` and `front` are what services and callers see.
The configuration is not known here: it asks here whether its rules make sense.
"""
