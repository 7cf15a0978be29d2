# page.awk -- converts the Markdown that examples/notebook, ladder and label-issues write into one self-contained HTML page. It understands
# headings, paragraphs, lists, tables, code between lines of ```, images on separate lines, `code` and **bold**.
# Images are PNG files in the directory -v directory=DIR, and are embedded in the page.

function text(s) {
    gsub(/&/, "\\&amp;", s)
    gsub(/</, "\\&lt;", s)
    gsub(/>/, "\\&gt;", s)
    while (match(s, /`[^`]*`/))
        s = substr(s, 1, RSTART - 1) "<code>" substr(s, RSTART + 1, RLENGTH - 2) "</code>" substr(s, RSTART + RLENGTH)
    while (match(s, /\*\*[^*]*\*\*/))
        s = substr(s, 1, RSTART - 1) "<b>" substr(s, RSTART + 2, RLENGTH - 4) "</b>" substr(s, RSTART + RLENGTH)
    return s
}

# Closes the open block if the next one is of another kind.
function block(next_block) {
    if (open == next_block) return
    if (open != "") print "</" open ">"
    if (next_block != "") print "<" next_block ">"
    open = next_block
    heads = next_block == "table"
}

function image(line,   name, file, command, data) {
    name = line
    sub(/^!\[/, "", name)
    file = name
    sub(/\].*/, "", name)
    sub(/.*\]\(/, "", file)
    sub(/\)$/, "", file)
    if (file !~ /^[A-Za-z0-9._-]+\.png$/) exit 2
    block("")
    printf "<figure><img alt=\"%s\" src=\"data:image/png;base64,", text(name)
    command = "base64 '" directory "/" file "'"
    while ((command | getline data) > 0) printf "%s", data
    if (close(command) != 0) exit 2
    printf "\"><figcaption>%s</figcaption></figure>\n", text(name)
}

function row(line,   cells, cell, n, i, tag) {
    if (line ~ /^\|[-:| ]+\|$/) return
    block("table")
    n = split(substr(line, 2, length(line) - 2), cell, /\|/)
    tag = heads ? "th" : "td"
    heads = 0
    printf "<tr>"
    for (i = 1; i <= n; i++) {
        gsub(/^ +| +$/, "", cell[i])
        printf "<%s%s>%s</%s>", tag, cell[i] ~ /^[-+*0-9.,]/ ? " class=\"n\"" : "", text(cell[i]), tag
    }
    print "</tr>"
}

BEGIN {
    print "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
    print "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    print "<style>"
    print "body { max-width: 52em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 sans-serif; color: #222; background: #fff }"
    print "table { border-collapse: collapse; margin: 1em 0; font-size: 85% }"
    print "th, td { padding: .2em .6em; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }"
    print ".n { text-align: right; font-variant-numeric: tabular-nums }"
    print "img { max-width: 100% } figure { margin: 1.5em 0 } figcaption { font-size: 85%; color: #555 }"
    print "pre { background: #f6f6f6; padding: .8em; overflow-x: auto; font-size: 80% } h2 { margin-top: 2em }"
    print "</style>"
}
/^```/ { block(open == "pre" ? "" : "pre"); next }
open == "pre" { gsub(/&/, "\\&amp;"); gsub(/</, "\\&lt;"); gsub(/>/, "\\&gt;"); print; next }
/^#+ / {
    level = length($1)
    sub(/^#+ /, "")
    block("")
    if (!titled++) print "<title>" text($0) "</title>\n</head>\n<body>"
    print "<h" level ">" text($0) "</h" level ">"
    next
}
/^!\[/ { image($0); next }
/^\|/ { row($0); next }
/^\* / { block("ul"); print "<li>" text(substr($0, 3)); next }
/^$/ { if (open != "ul") block(""); next }
{ if (open == "ul") { print text($0); next } block("p"); print text($0) }
END { block(""); print "</body>\n</html>" }
