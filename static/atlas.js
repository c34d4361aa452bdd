// The overview of the atlas: shows the rows that fit the words, the family and the property. Without it all rows are there.
const form = document.querySelector(".atlas-filter");
const table = document.querySelector("table.atlas, .atlas table");

if (form && table) {
  const rows = [...table.querySelectorAll("tbody tr")];
  const cell = (row, i) => row.cells[i].textContent.trim();

  function filter() {
    const words = form.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const [column, answer] = form.property.value.split(":");
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase().replaceAll("_", " ") + " " + row.textContent.toLowerCase();
      row.hidden = !(
        words.every((word) => text.includes(word)) &&
        (!form.family.value || cell(row, 1) === form.family.value) &&
        (!answer || cell(row, 2 + Number(column)).startsWith(answer))
      );
      shown += !row.hidden;
    }
    form.querySelector("output").textContent = `${shown} of ${rows.length} losses`;
  }

  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
}
