// Origins as an operator types them: one per line, forgiving about a slash at the end.

/** The origin in its normal form, or nothing when it is none. */
export function originIn(text: string): string | undefined {
  const trimmed = text.trim();
  if (!/^https?:\/\//i.test(trimmed) || !URL.canParse(trimmed)) return undefined;
  const url = new URL(trimmed);
  const bare = url.pathname === '/' && !url.search && !url.hash && !url.username;
  return bare ? url.origin : undefined;
}

export type Origins = { origins: string[] } | { bad: string };

export function originsIn(text: string): Origins {
  const origins: string[] = [];
  for (const line of text.split(/[\s,]+/).filter(Boolean)) {
    const origin = originIn(line);
    if (!origin) return { bad: line };
    if (!origins.includes(origin)) origins.push(origin);
  }
  return { origins };
}
