/** A node's address as it may be shown: an address can hold a user and a password, which are for nobody's eyes. */
export function withoutUser(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (parsed.username === "" && parsed.password === "") return url;
  parsed.username = parsed.password = "";
  return parsed.href;
}
