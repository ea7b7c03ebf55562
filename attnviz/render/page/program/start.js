// What the file runs: it opens the program, which is packed as the numbers are, and lets it run. The page's
// policy names both by their hashes, so that nothing else ever runs.

{
  const packed = atob(document.getElementById("program")?.textContent ?? "");
  const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const program = document.createElement("script");
  program.type = "module";
  program.textContent = await new Response(stream).text();
  document.body.append(program);
}

export {};
