import type { Result } from "../ask/request";

/** The rows as RFC 4180 has them, with a header. */
export function csvOf({ columns, rows }: Result): string {
  const lines = [columns.map(({ name }) => name), ...rows].map((row) => row.map(cell).join(","));
  return lines.map((line) => line + "\r\n").join("");
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Hands a text to the reader as a file. */
export function download(name: string, type: string, text: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}
