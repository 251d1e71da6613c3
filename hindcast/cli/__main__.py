from hindcast.cli import main

main(prog_name="hindcast")
