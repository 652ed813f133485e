// `number` is a float to asc. The first of `share` stands in its signature, told as where its body begins: line 5.
let total: number = 0;

function share(cents: number): number {
  return cents / 3.5;
}

export function run(): void {
  total = share(total);
}
