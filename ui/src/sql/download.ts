import { fileOf } from "../ask/request";
import { notify } from "../notices";

/** The forms that the server writes an answer in, and how the names of such files end. */
const forms = {
  CSV: { type: "text/csv", ending: "csv" },
  Parquet: { type: "application/vnd.apache.parquet", ending: "parquet" },
  Arrow: { type: "application/vnd.apache.arrow.stream", ending: "arrows" },
} as const;

export type Form = keyof typeof forms;
export const FORMS = Object.keys(forms) as Form[];

/**
 * All rows of a statement as a file, also those that the page does not show. `as_of`: the moment of the answer that is shown, so
 * that the file has the same rows.
 */
export async function downloadAs(form: Form, statement: string, as_of: string, name: string): Promise<void> {
  const { type, ending } = forms[form];
  try {
    const { blob, truncated } = await fileOf(statement, type, as_of);
    save(blob, `${name}.${ending}`);
    if (truncated) notify(`The file ${name}.${ending} is cut off: it has as many rows as the server answers with (queries.rows).`);
  } catch (error) {
    notify(`There is no file: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function save(blob: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}
